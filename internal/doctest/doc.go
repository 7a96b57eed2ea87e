// Package doctest runs what the documents show: the commands of their sh
// blocks, the searches of their spl blocks and the programs of their go
// blocks. It consists of tests.
//
// The word after the three backquotes says what a block is:
//
//	sh               run by sh -e; must end with exit code 0
//	sh exit=3        the same, with that exit code
//	text output      what the sh block above it prints on stdout, … standing
//	                 for any text within a line
//	text stderr      the same of stderr
//	spl              searches, an empty line between them; each of the
//	                 app's commands in them must be accepted by the program
//	go file=NAME     a file of a program; the files of a document are tested
//	                 together with go test
//	console, text, ini, json, csv and nothing at all: not run
//
// All blocks of a document share a directory, in the order of the document.
package doctest
