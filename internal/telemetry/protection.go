package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Protected is how the signatures of files are protected.
type Protected struct {
	Files    map[string]int64 // by level
	Lacking  map[string]int64 // those below the level that is wanted, by the code of what they lack
	Ending   int64            // those whose protection runs out within 30 days, or has
	DueSince time.Time        // no authority has given time stamps since; zero: all is well
}

var (
	descFiles   = prometheus.NewDesc("paraph_signed_files", "Signed files by the level of their protection.", []string{"level"}, nil)
	descLacking = prometheus.NewDesc("paraph_signed_files_lacking", "Signed files below the level that is wanted, by the code of what they lack.", []string{"code"}, nil)
	descEnding  = prometheus.NewDesc("paraph_signed_files_ending", "Signed files whose protection runs out within 30 days, or has.", nil, nil)
	descStamps  = prometheus.NewDesc("paraph_signature_stamps_overdue_seconds", "Time since no authority has given time stamps for signatures; 0 where nothing is overdue.", nil, nil)
)

func (p *Protected) collect(gauge func(d *prometheus.Desc, v float64, labels ...string), now time.Time) {
	if p == nil {
		return
	}
	for level, n := range p.Files {
		gauge(descFiles, float64(n), level)
	}
	for code, n := range p.Lacking {
		gauge(descLacking, float64(n), code)
	}
	gauge(descEnding, float64(p.Ending))
	overdue := 0.0
	if !p.DueSince.IsZero() {
		overdue = max(0, now.Sub(p.DueSince).Seconds())
	}
	gauge(descStamps, overdue)
}
