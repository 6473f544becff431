package server

import (
	"fmt"
	"slices"

	"github.com/paraph/paraph/internal/access"
	"github.com/paraph/paraph/internal/config"
	"github.com/paraph/paraph/internal/httpapi"
)

// requestLimits gives what a client may ask for, by class of requests. Where rate-limit
// is 0 there is no limit at all.
func requestLimits(c *config.Config) (access.RequestLimits, error) {
	lines, err := c.ParseClassLimits()
	if err != nil || c.RateLimit == 0 {
		return access.RequestLimits{}, err
	}
	out := access.RequestLimits{}
	for _, class := range access.Classes() {
		if class != access.Waits {
			out[class] = access.RequestLimit{PerSecond: c.RateLimit, Burst: c.RateBurst}
		}
	}
	for _, line := range lines {
		class := access.Class(line.Class)
		if !slices.Contains(access.Classes(), class) {
			return nil, fmt.Errorf("class-limits: there is no class %q; there are %v", class, access.Classes())
		}
		limit := out[class]
		if line.PerSecond >= 0 {
			limit.PerSecond = line.PerSecond
		}
		if line.Burst >= 0 {
			limit.Burst = line.Burst
		}
		limit.AtOnce = max(line.AtOnce, 0)
		out[class] = limit
	}
	return out, nil
}

// limiter counts the requests of clients and addresses.
func limiter(c *config.Config) (*httpapi.Limiter, error) {
	limits, err := requestLimits(c)
	address := access.RequestLimit{PerSecond: c.AddressRate, Burst: c.AddressBurst}
	if c.RateLimit == 0 || c.AddressRate == 0 {
		address = access.RequestLimit{}
	}
	return httpapi.NewLimiter(limits, address), err
}
