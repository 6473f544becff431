package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// LogState is what the gauges show of the log's audit.
type LogState struct {
	Sound     bool      // nothing found contradicts what was signed
	Audited   int64     // entries the present pass found to agree
	AuditSize int64     // entries of the present pass
	PassedAt  time.Time // end of the last clean pass; zero: none
}

var (
	descSound       = prometheus.NewDesc("paraph_log_sound", "1 where nothing found contradicts what was signed; 0 where writing has stopped.", nil, nil)
	descAudited     = prometheus.NewDesc("paraph_log_audit_position", "Entries the present pass of the log's audit found to agree.", nil, nil)
	descAuditSize   = prometheus.NewDesc("paraph_log_audit_size", "Entries of the present pass of the log's audit.", nil, nil)
	descAuditPassed = prometheus.NewDesc("paraph_log_audit_passed_timestamp_seconds", "When the last clean pass of the log's audit ended; 0: none yet.", nil, nil)
)

func (l LogState) collect(gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	sound, passed := 0.0, 0.0
	if l.Sound {
		sound = 1
	}
	if !l.PassedAt.IsZero() {
		passed = float64(l.PassedAt.Unix())
	}
	gauge(descSound, sound)
	gauge(descAudited, float64(l.Audited))
	gauge(descAuditSize, float64(l.AuditSize))
	gauge(descAuditPassed, passed)
}
