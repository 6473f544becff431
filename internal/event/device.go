package event

import (
	"time"

	"github.com/paraph/paraph/internal/access"
)

// DeviceRule is the data of a change of what trusted devices are demanded for.
type DeviceRule struct {
	Name        string          `json:"name"`
	Title       string          `json:"title,omitempty"`
	Off         bool            `json:"off" doc:"It demands nothing for now."`
	Clients     []string        `json:"clients,omitempty" doc:"Programs that it holds for; absent: all."`
	Roles       []access.Role   `json:"roles,omitempty" doc:"Roles that it holds for; absent: all."`
	Actions     []access.Action `json:"actions,omitempty" doc:"Actions that it holds for; absent: all."`
	Passkey     bool            `json:"passkey" doc:"It demands an attested passkey."`
	Models      []string        `json:"models,omitempty" doc:"AAGUIDs of the authenticators that do; absent: any that the roots vouch for."`
	MaxAge      int             `json:"max_age_seconds,omitempty" doc:"How old the login may be; absent: as old as it lasts."`
	Certificate bool            `json:"certificate" doc:"It demands a device certificate."`
}

// DeviceDecision is the data of decisions by a device rule that were alike.
type DeviceDecision struct {
	Rule      string     `json:"rule,omitempty" doc:"Absent where many kinds of decision are counted together."`
	Action    string     `json:"action,omitempty"`
	ClientID  string     `json:"client_id,omitempty" doc:"The program that asked."`
	Principal string     `json:"principal,omitempty" doc:"In whose name."`
	Because   string     `json:"because" doc:"What the device was trusted for, or what it lacked, for programs."`
	Count     int        `json:"count"`
	Since     *time.Time `json:"since"`
	Until     *time.Time `json:"until"`
}

var sampleDeviceRule = DeviceRule{Name: "board", Title: "Board", Clients: []string{sampleID("cli")}, Roles: []access.Role{access.RoleApprover}, Actions: []access.Action{access.DecideTask},
	Passkey: true, Models: []string{"2fc0579f-8113-47ea-b116-bb5a8db9202a"}, MaxAge: 300, Certificate: true}

// deviceDecision is a sample; lacks is "" for one that lets something happen.
func deviceDecision(lacks string) DeviceDecision {
	if lacks == "" {
		lacks = "passkey 2fc0579f-8113-47ea-b116-bb5a8db9202a, logged in 2026-03-09T16:58:00Z"
	}
	return DeviceDecision{Rule: "board", Action: "task.decide", ClientID: sampleID("cli"), Principal: "anna@example.com", Because: lacks, Count: 3, Since: &sampleDue, Until: &sampleDue}
}
