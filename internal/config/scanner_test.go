package config

import "testing"

func TestScannerAddress(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][2]string{
		"": {}, "unix:/run/clamav/clamd.ctl": {"unix", "/run/clamav/clamd.ctl"}, "unix:///run/clamd.ctl": {"unix", "/run/clamd.ctl"},
		"tcp://127.0.0.1:3310": {"tcp", "127.0.0.1:3310"}, "tcp://[::1]:3310": {"tcp", "[::1]:3310"}, "tcp://clamav:3310": {"tcp", "clamav:3310"},
	} {
		c := Default()
		c.Scanner = given
		network, address, err := c.ScannerAddress()
		if err != nil || [2]string{network, address} != want {
			t.Errorf("%q: %q %q %v", given, network, address, err)
		}
		if err := c.Check(); err != nil {
			t.Errorf("%q: %v", given, err)
		}
	}
	for _, given := range []string{"clamd", "/run/clamd.ctl", "unix:clamd.ctl", "unix://host/x", "tcp://host", "tcp://:3310", "tcp://h:1/x", "tcp://u:p@h:1", "tcp://h:1?x", "http://h:1", "icap://h:1344", "unix:/a?b", "%"} {
		c := Default()
		c.Scanner = given
		if err := c.Check(); err == nil {
			t.Errorf("%q is taken", given)
		}
	}
}
