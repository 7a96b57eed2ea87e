//go:build !linux

package pages

// Large does nothing: these systems choose the size of pages themselves.
func Large([]byte) {}

func toPage([]byte) int { return 0 }
