package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/paraph/paraph/internal/fault"
)

// settingEvidence is the setting with the LogEvidence, as JSON; "" where there is none.
const settingEvidence = "log_evidence"

// LogEvidence is a checkpoint with the log's own signature that the log in the
// database does not extend. Whatever process is shown one writes it down here, and
// every process looks for itself whether it holds.
type LogEvidence struct {
	Code       string    `json:"code"` // log_rolled_back or log_forked
	Reason     string    `json:"reason"`
	Checkpoint string    `json:"checkpoint"` // the signed note
	FoundAt    time.Time `json:"found_at"`
}

// Err gives the fault for which writing stops.
func (e *LogEvidence) Err() *fault.Fault { return fault.New(fault.Unavailable, e.Code, "%s", e.Reason) }

// ReadLogEvidence reads what was shown; nil where nothing was.
func ReadLogEvidence(ctx context.Context, tx Reader) (*LogEvidence, error) {
	raw, err := tx.Setting(ctx, settingEvidence)
	if fault.KindOf(err) == fault.NotFound || err == nil && raw == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var e LogEvidence
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		return nil, fmt.Errorf("what was shown against the log: %w", err)
	}
	return &e, nil
}

// KeepLogEvidence writes down what was shown and wakes all processes; nil takes it
// away again.
func KeepLogEvidence(ctx context.Context, tx Tx, e *LogEvidence) error {
	tx.Notify(TopicJournal)
	if e == nil {
		return tx.SetSetting(ctx, settingEvidence, "")
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return tx.SetSetting(ctx, settingEvidence, string(raw))
}
