package cli

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"

	paraph "github.com/paraph/paraph/sdk/go"
)

func runApprove(ctx context.Context, env *Env, args []string) int {
	return runDecide(ctx, env, "approve", paraph.DecisionOutcomeApprove, args)
}

func runReject(ctx context.Context, env *Env, args []string) int {
	return runDecide(ctx, env, "reject", paraph.DecisionOutcomeReject, args)
}

func runDecide(ctx context.Context, env *Env, command string, outcome paraph.DecisionOutcome, args []string) int {
	fs := flags(env, command)
	comment := fs.String("comment", "", "Why; it stays in the record.")
	assignee := fs.String("assignee", "", "Decide the task of this person, on their behalf. Empty: your own.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	client, id, code, done := oneAt(env, fs, args, connect, "say which task or which document, by its id")
	if done {
		return code
	}
	task, err := taskOf(ctx, client, id, *assignee)
	if err != nil {
		return failAPI(env, err)
	}
	a, err := client.DecideTask(ctx, task, paraph.Decision{Outcome: outcome, Comment: *comment, OnBehalfOf: *assignee})
	if err != nil {
		return failAPI(env, err)
	}
	if *asJSON {
		printJSON(env, a)
		return exitOK
	}
	fmt.Fprintln(env.Stdout, decided(a))
	return exitOK
}

// decided says where an approval stands.
func decided(a *paraph.Approval) string {
	if a.State != paraph.ApprovalStateOpen {
		return fmt.Sprintf("The document %s is %s.", a.DocumentID, a.State)
	}
	var waiting []string
	for _, t := range a.Tasks {
		if t.State == paraph.TaskStateOpen {
			waiting = append(waiting, plain(t.Assignee))
		}
	}
	return fmt.Sprintf("Noted. The document %s waits for %s.", a.DocumentID, strings.Join(waiting, ", "))
}

// taskOf finds the task to decide: the one named, or the one that is open on a document.
func taskOf(ctx context.Context, client *paraph.Client, id, assignee string) (string, error) {
	if !strings.HasPrefix(id, "doc_") {
		return id, nil
	}
	tasks, err := paraph.Collect(client.AllTasks(ctx, paraph.ListTasksParams{DocumentID: id, State: paraph.TaskStateOpen, Assignee: assignee}))
	switch {
	case err != nil:
		return "", err
	case len(tasks) == 0:
		return "", fmt.Errorf("no task is open on %s that you can see", id)
	case len(tasks) == 1:
		return tasks[0].ID, nil
	}
	var lines []string
	for _, t := range tasks {
		lines = append(lines, fmt.Sprintf("  %s of %s", t.ID, plain(t.Assignee)))
	}
	return "", fmt.Errorf("%d tasks are open on %s; name one of them:\n%s", len(tasks), id, strings.Join(lines, "\n"))
}

// people are recipients as they are typed: a@b.example, or Name <a@b.example>.
type people []paraph.RecipientRequest

func (p *people) String() string { return "" }

func (p *people) Set(s string) error {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return fmt.Errorf("it is an address, such as 'Mara Lind <mara@example.com>'")
	}
	if a.Name == "" {
		a.Name, _, _ = strings.Cut(a.Address, "@")
	}
	*p = append(*p, paraph.RecipientRequest{Name: a.Name, Email: a.Address})
	return nil
}

func runSend(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "send")
	var to people
	fs.Var(&to, "to", "Who is to sign, such as 'Mara Lind <mara@example.com>'; once for each, in the order in which they sign.")
	together := fs.Bool("together", false, "All may sign at once, in any order.")
	subject := fs.String("subject", "", "Subject of the mail. Empty: the document's title.")
	message := fs.String("message", "", "What the people are told.")
	within := fs.Duration("within", 0, "How long they have. 0: as long as the server gives.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	id, code, done := parseOne(env, fs, args, "say which document, by its id")
	switch {
	case done:
		return code
	case len(to) == 0:
		return wrong(env, "say with --to who is to sign")
	}
	for i := range to {
		if to[i].Order = i + 1; *together {
			to[i].Order = 1
		}
	}
	req := paraph.EnvelopeRequest{DocumentID: id, Subject: *subject, Message: *message, Recipients: to, Send: true}
	if *within > 0 {
		req.ExpiresAt = new(time.Now().Add(*within).UTC())
	}
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	e, err := client.CreateEnvelope(ctx, req)
	if err != nil {
		return failAPI(env, err)
	}
	return showEnvelope(env, e, *asJSON)
}

func showEnvelope(env *Env, e *paraph.Envelope, asJSON bool) int {
	if asJSON {
		printJSON(env, e)
		return exitOK
	}
	fmt.Fprintf(env.Stdout, "%s  %s  until %s\n", e.ID, e.State, e.ExpiresAt.Local().Format(time.DateTime))
	var rows [][]string
	for _, r := range e.Recipients {
		rows = append(rows, []string{fmt.Sprint(r.Order), r.Name, r.Email, string(r.State), fmt.Sprint(r.Reminders)})
	}
	table(env.Stdout, []string{"TURN", "NAME", "ADDRESS", "STATE", "REMINDERS"}, rows)
	return exitOK
}

func runRemind(ctx context.Context, env *Env, args []string) int {
	fs := flags(env, "remind")
	who := fs.String("who", "", "Only this person, by address. Empty: everybody whose turn it is.")
	asJSON := fs.Bool("json", false, "Write JSON.")
	connect := apiFlags(env, fs)
	client, id, code, done := oneAt(env, fs, args, connect, "say which envelope or which document, by its id")
	if done {
		return code
	}
	e, err := envelopeOf(ctx, client, id)
	if err != nil {
		return failAPI(env, err)
	}
	reminded := 0
	for _, r := range e.Recipients {
		turn := r.State == paraph.RecipientStateSent || r.State == paraph.RecipientStateDelivered || r.State == paraph.RecipientStateViewed
		if *who != "" && !strings.EqualFold(r.Email, *who) || *who == "" && !turn {
			continue
		}
		if e, err = client.RemindRecipient(ctx, e.ID, r.ID); err != nil {
			return failAPI(env, err)
		}
		reminded++
	}
	if reminded == 0 {
		return fail(env, fmt.Errorf("nobody of %s can be reminded now; it is %s", e.ID, e.State))
	}
	return showEnvelope(env, e, *asJSON)
}

// envelopeOf gives the envelope named, or the one of a document that is under way.
func envelopeOf(ctx context.Context, client *paraph.Client, id string) (*paraph.Envelope, error) {
	if !strings.HasPrefix(id, "doc_") {
		return client.GetEnvelope(ctx, id)
	}
	for e, err := range client.AllEnvelopes(ctx, paraph.ListEnvelopesParams{DocumentID: id, State: paraph.EnvelopeStateSent}) {
		return &e, err
	}
	return nil, fmt.Errorf("no envelope of %s is under way", id)
}

func eventsParts() []part {
	return []part{{"tail", "Show events as they happen, until you end it.", "[flags]", runEventsTail}}
}

func runEvents(ctx context.Context, env *Env, args []string) int {
	return runPart(ctx, env, "events", eventsParts(), args)
}

func runEventsTail(ctx context.Context, env *Env, p *part, args []string) int {
	fs := p.flags(env, "events")
	var params paraph.TailParams
	types := fs.String("types", "", "Types of event, or beginnings with .* at their end, with commas. Empty: all.")
	fs.StringVar(&params.DocumentID, "document", "", "Only of this document.")
	fs.StringVar(&params.After, "after", "", "Cursor to begin behind. Empty: with what happens next.")
	count := fs.Int("count", 0, "End after so many; 0: never.")
	asJSON := fs.Bool("json", false, "Write one line of JSON for each event.")
	connect := apiFlags(env, fs)
	if rest, code, done := parseMixed(fs, args); done || len(rest) > 0 {
		if !done {
			return wrong(env, "events tail takes flags only")
		}
		return code
	}
	params.Types = split(*types)
	client, err := connect()
	if err != nil {
		return fail(env, err)
	}
	n := 0
	for e, err := range client.Tail(ctx, params) {
		switch {
		case err != nil && ctx.Err() != nil:
			return exitOK
		case err != nil:
			return failAPI(env, err)
		case *asJSON:
			printLine(env, e)
		default:
			fmt.Fprintf(env.Stdout, "%s  %-28s  %s  %s\n", e.Time.Local().Format(time.TimeOnly), plain(e.Type), plain(e.Subject), plain(e.ActorPrincipal))
		}
		if n++; n == *count {
			break
		}
	}
	return exitOK
}
