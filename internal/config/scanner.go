package config

import (
	"fmt"
	"net/url"
	"strings"
)

// ScannerAddress gives where the malware scanner is, as net.Dial takes it; "" where there
// is none.
func (c *Config) ScannerAddress() (network, address string, err error) {
	if c.Scanner == "" {
		return "", "", nil
	}
	u, err := url.Parse(c.Scanner)
	switch {
	case err != nil:
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/") && u.RawQuery == "":
		return "unix", u.Path, nil
	case u.Scheme == "tcp" && u.Hostname() != "" && u.Port() != "" && u.Path == "" && u.User == nil && u.RawQuery == "":
		return "tcp", u.Host, nil
	}
	return "", "", fmt.Errorf("%q is neither unix:/FOLDER/SOCKET nor tcp://HOST:PORT", c.Scanner)
}
