//go:build !linux

package main

import "os"

// widen does nothing where pipes have the size they have.
func widen(...*os.File) {}
