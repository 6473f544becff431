package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unicode"

	"github.com/paraph/paraph/internal/access"
)

// Sources tells where requests came from.
type Sources struct {
	// Trusted are the networks of our own proxies. What anybody else says in
	// X-Forwarded-For is not looked at.
	Trusted []netip.Prefix
}

// maxForwarded is the longest X-Forwarded-For kept, in bytes: the end of it, which our proxies wrote.
const maxForwarded = 512

// Of gives a request's source, without request id and trace.
func (s Sources) Of(r *http.Request) access.Source {
	peer := peerOf(r.RemoteAddr)
	src := access.Source{Address: peer, Peer: peer, UserAgent: printable(r.UserAgent(), 400)}
	if header := strings.Join(r.Header.Values("X-Forwarded-For"), ", "); header != "" && s.trusts(peer) {
		src.Address = s.believe(peer, header)
		src.Forwarded = printable(header[max(0, len(header)-maxForwarded):], maxForwarded)
	}
	return src
}

// believe walks the header from its end, which the nearest proxy wrote, through
// our own proxies to the first address that is not ours. What stands further
// left could be anybody's invention. A hop that is no address ends the walk.
func (s Sources) believe(peer, header string) string {
	hops := strings.Split(header, ",")
	believed := peer
	for i := len(hops) - 1; i >= 0; i-- {
		addr, ok := parseHop(hops[i])
		if !ok {
			return believed
		}
		believed = addr.String()
		if !s.trustsAddr(addr) {
			return believed
		}
	}
	return believed
}

func (s Sources) trusts(peer string) bool {
	addr, err := netip.ParseAddr(peer)
	return err == nil && s.trustsAddr(addr)
}

func (s Sources) trustsAddr(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range s.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parseHop reads one element of X-Forwarded-For: an address, perhaps in
// brackets, perhaps with a port.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap(), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			if addr, err := netip.ParseAddr(inner); err == nil {
				return addr.Unmap(), true
			}
		}
	}
	return netip.Addr{}, false
}

// peerOf gives the address of the socket's other end, without the port.
func peerOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return host
}

// printable cuts a header to n bytes and takes out what does not belong into a log.
func printable(s string, n int) string {
	s = strings.ToValidUTF8(s[:min(len(s), n)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}
