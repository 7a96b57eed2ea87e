package disk

var roles = map[string]func() error{}
