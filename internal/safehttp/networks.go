package safehttp

import "net/netip"

// network is one that is not the public internet.
type network struct {
	netip.Prefix
	about string
}

// closed lists what IANA's registries of special-purpose addresses (RFC 6890
// and what came after it) do not call globally reachable, with what embeds an
// IPv4 address and so could lead to one.
var closed = networks(map[string]string{
	"0.0.0.0/8":         "it means this host itself",
	"10.0.0.0/8":        "it is a private network",
	"100.64.0.0/10":     "it is a network between a carrier and its customers",
	"127.0.0.0/8":       "it is this host itself",
	"169.254.0.0/16":    "it is an address of this network's link only",
	"172.16.0.0/12":     "it is a private network",
	"192.0.0.0/24":      "it is kept for protocols",
	"192.0.2.0/24":      "it is kept for documentation",
	"192.31.196.0/24":   "it is kept for protocols",
	"192.52.193.0/24":   "it is kept for protocols",
	"192.88.99.0/24":    "it led into IPv6 networks once",
	"192.168.0.0/16":    "it is a private network",
	"192.175.48.0/24":   "it is kept for protocols",
	"198.18.0.0/15":     "it is kept for measurements",
	"198.51.100.0/24":   "it is kept for documentation",
	"203.0.113.0/24":    "it is kept for documentation",
	"224.0.0.0/4":       "it reaches many hosts at once",
	"240.0.0.0/4":       "it is kept for later, or reaches everybody",
	"::/96":             "it stands for this host or an IPv4 address",
	"::ffff:0:0:0/96":   "it stands for an IPv4 address",
	"64:ff9b::/96":      "it stands for an IPv4 address",
	"64:ff9b:1::/48":    "it stands for an IPv4 address",
	"100::/64":          "it leads nowhere",
	"100:0:0:1::/64":    "it leads nowhere",
	"2001::/23":         "it is kept for protocols, or stands for an IPv4 address",
	"2001:db8::/32":     "it is kept for documentation",
	"2002::/16":         "it stands for an IPv4 address",
	"2620:4f:8000::/48": "it is kept for protocols",
	"3fff::/20":         "it is kept for documentation",
	"5f00::/16":         "it is kept for routing",
	"fc00::/7":          "it is a private network",
	"fe80::/10":         "it is an address of this network's link only",
	"fec0::/10":         "it is a private network",
	"ff00::/8":          "it reaches many hosts at once",
})

func networks(table map[string]string) []network {
	out := make([]network, 0, len(table))
	for prefix, about := range table {
		out = append(out, network{netip.MustParsePrefix(prefix), about})
	}
	return out
}

// notPublic says why an address is not one of the public internet; "" where it
// is. IPv6 outside of what is given out (2000::/3) is not public either.
func notPublic(a netip.Addr) string {
	if !a.IsValid() {
		return "it is no address"
	}
	for _, n := range closed {
		if n.Contains(a) {
			return n.about + "; an operator can allow its network"
		}
	}
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return "it lies outside of the public internet"
	}
	return ""
}
