//go:build !linux

package chunked

// largePages does nothing: these systems choose the size of pages themselves.
func largePages([]byte) {}
