// Package localfs tells local disks from network file systems: a database in
// WAL mode needs memory shared by all processes that use it, which only the
// processes of one host have.
package localfs
