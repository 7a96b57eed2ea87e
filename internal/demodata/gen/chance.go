package main

// chance is a small generator of numbers (splitmix64), written out here so
// that the log does not change with the standard library.
type chance uint64

func (c *chance) next() uint64 {
	*c += 0x9e3779b97f4a7c15
	z := uint64(*c)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (c *chance) below(n int) int { return int(c.next() >> 1 % uint64(n)) }

// percent is true p times out of a hundred.
func (c *chance) percent(p int) bool { return c.below(100) < p }

// pick returns one of list, each as often as the others.
func pick[T any](c *chance, list []T) T { return list[c.below(len(list))] }

// zipf returns one of list, the n-th with a weight of 1/n.
func zipf[T any](c *chance, list []T) T {
	const unit = 720720
	total := 0
	for i := range list {
		total += unit / (i + 1)
	}
	at := c.below(total)
	for i, v := range list {
		if at -= unit / (i + 1); at < 0 {
			return v
		}
	}
	return list[len(list)-1]
}
