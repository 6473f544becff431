package store

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// On PostgreSQL every table with an organisation has a policy (row-level security)
// that gives and takes rows of the transaction's organisation only. It is a second
// wall: the first is the condition in every statement. A program says with each
// connection that it knows of the wall, and with each transaction which organisation
// it reaches; a connection that has said nothing is an older program's, or an
// operator's, and reaches all.
const (
	reachSetting   = "paraph.org"
	reachesNothing = "none" // no organisation's id
	setReach       = "SELECT set_config('" + reachSetting + "', $1, true)"

	// wall is the condition of every policy; %s is the column with the organisation.
	wall = "(current_setting('" + reachSetting + "', true) IN (%s, '*') OR current_setting('" + reachSetting + "', true) IS NULL)"
)

// open are tables with an organisation that have no policy, each with the reason.
var open = map[string]string{
	"page":            "PostgreSQL uses no trigram index for LIKE below a policy, and a search would read every page; each statement that asks for a page's text joins its document, which has a policy",
	"search_document": "nor does it use a full-text index there, and a search would read the words of every document; what is found is looked up in document, which has a policy",
}

// organisationID is how an organisation may be called in a setting.
var organisationID = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)

// reach is how far the transactions of a context reach.
func (e *postgresEngine) reach(ctx context.Context) (string, error) {
	switch reach := service.Reach(ctx); {
	case reach == "*" || reach == "" && e.across != "":
		return "*", nil
	case reach == "":
		return reachesNothing, nil
	case organisationID.MatchString(reach):
		return reach, nil
	default:
		return "", fault.New(fault.Internal, "internal", "An organisation's id has signs that no id has.")
	}
}

// begin gives the options of a transaction that reaches as far as the context says,
// without a further round trip.
func (e *postgresEngine) begin(ctx context.Context, how string) (pgx.TxOptions, error) {
	reach, err := e.reach(ctx)
	return pgx.TxOptions{BeginQuery: how + "; SET LOCAL " + reachSetting + " = '" + reach + "'"}, err
}

// confined is a connection without a transaction, each of whose questions reaches no
// further than an organisation.
type confined struct {
	pgConn
	to    *pgxpool.Conn
	reach string
}

// query sends the setting and the question together: PostgreSQL makes one transaction
// of them, and the setting ends with it.
func (c confined) query(ctx context.Context, query string, args []any) (rows, error) {
	b := &pgx.Batch{}
	b.Queue(setReach, c.reach)
	b.Queue(rebind(query), args...)
	res := c.to.SendBatch(ctx, b)
	if _, err := res.Exec(); err != nil {
		res.Close()
		return nil, err
	}
	found, err := res.Query()
	if err != nil {
		res.Close()
		return nil, err
	}
	return batched{found, res}, nil
}

// batched are rows of a batch, with which the batch ends.
type batched struct {
	pgx.Rows
	batch pgx.BatchResults
}

// Close implements rows.
func (r batched) Close() error {
	r.Rows.Close()
	if err := r.batch.Close(); r.Rows.Err() == nil {
		return err
	}
	return r.Rows.Err()
}

// through says whose the rows of tables without an organisation are, as a condition on
// the row. A row that it looks for has a policy itself, so it is found only by whom it
// belongs to.
var through = map[string]string{
	"passkey":            belongs("person", "id", "passkey.user_id"),
	"totp":               belongs("person", "id", "totp.user_id"),
	"recovery_code":      belongs("person", "id", "recovery_code.user_id"),
	"group_member":       belongs("people_group", "id", "group_member.group_id"),
	"login_identity":     belongs("login_provider", "id", "login_identity.provider_id"),
	"authorization_code": belongs("client", "id", "authorization_code.client_id"),
	"pushed_request":     belongs("client", "id", "pushed_request.client_id"),
	"webhook_secret":     belongs("webhook_endpoint", "no", "webhook_secret.endpoint"),
	"webhook_queue":      belongs("webhook_endpoint", "no", "webhook_queue.endpoint"),
	"delivery":           belongs("webhook_endpoint", "no", "delivery.endpoint"),
	"attempt":            belongs("webhook_endpoint", "no", "attempt.endpoint"),
	// Its client begins with the organisation (service.Call).
	"idempotency": "split_part(idempotency.client, '/', 1) = current_setting('" + reachSetting + "', true)",
}

func belongs(parent, key, column string) string {
	return "EXISTS (SELECT 1 FROM " + parent + " parent WHERE parent." + key + " = " + column + ")"
}

// unwalled lists the tables that have no policy that holds for their owner too, with the
// column of their organisation; "" where they have none.
const unwalled = `SELECT c.relname::text, COALESCE((SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
		AND (a.attname = 'org' OR c.relname = 'organisation' AND a.attname = 'id')), '') FROM pg_class c
	WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
	AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'organisation')) ORDER BY 1`

type unwalledTable struct{ Name, Column string }

// condition is that of the table's policy.
func (t unwalledTable) condition() string {
	if t.Column != "" {
		return fmt.Sprintf(wall, t.Column)
	}
	return "(current_setting('" + reachSetting + "', true) = '*' OR current_setting('" + reachSetting + "', true) IS NULL OR " + through[t.Name] + ")"
}

// raise gives every table with an organisation its policy, and those whose rows belong to
// one by another row. Which tables have one it reads from the database, so a new one
// cannot be forgotten.
func raise(ctx context.Context, c *pgx.Conn) error {
	if err := lower(ctx, c); err != nil {
		return err
	}
	tables, err := withoutWall(ctx, c)
	for _, t := range tables {
		name := pgx.Identifier{t.Name}.Sanitize()
		_, err := c.Exec(ctx, "BEGIN; ALTER TABLE "+name+" ENABLE ROW LEVEL SECURITY; ALTER TABLE "+name+" FORCE ROW LEVEL SECURITY; DROP POLICY IF EXISTS organisation ON "+name+
			"; CREATE POLICY organisation ON "+name+" USING "+t.condition()+"; COMMIT")
		if err != nil {
			return fmt.Errorf("row-level security of %s: %w", t.Name, err)
		}
	}
	return err
}

// lower takes the policies of open tables away, which a program before this one has given them.
func lower(ctx context.Context, c *pgx.Conn) error {
	rows, err := c.Query(ctx, "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relrowsecurity")
	if err != nil {
		return err
	}
	walled, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range walled {
		if open[name] == "" {
			continue
		}
		if _, err := c.Exec(ctx, fmt.Sprintf("BEGIN; DROP POLICY IF EXISTS organisation ON %s; ALTER TABLE %[1]s NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY; COMMIT", name)); err != nil {
			return fmt.Errorf("row-level security of %s: %w", name, err)
		}
	}
	return err
}

func withoutWall(ctx context.Context, c interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}) (out []unwalledTable, err error) {
	rows, err := c.Query(ctx, unwalled)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[unwalledTable])
	for _, t := range all {
		if open[t.Name] == "" && (t.Column != "" || through[t.Name] != "") {
			out = append(out, t)
		}
	}
	return out, err
}

// bare finds what leaves the second wall without effect.
func (e *postgresEngine) bare(ctx context.Context) (out []Finding, err error) {
	var passes bool
	var said *string
	err = e.pool.QueryRow(ctx, "SELECT rolsuper OR rolbypassrls, current_setting('"+reachSetting+"', true) FROM pg_roles WHERE rolname = current_user").Scan(&passes, &said)
	if err != nil {
		return nil, err
	}
	if passes {
		out = append(out, Finding{Code: "row_security_bypassed", Message: "Paraph connects to PostgreSQL as a role that passes row-level security (SUPERUSER or BYPASSRLS), so the second wall between organisations does nothing.",
			Remedy: "CREATE ROLE paraph LOGIN PASSWORD '…' NOSUPERUSER NOBYPASSRLS; ALTER DATABASE … OWNER TO paraph; REASSIGN OWNED BY … TO paraph; -- then connect as it"})
	}
	if said == nil {
		out = append(out, Finding{Code: "row_security_undeclared", Message: "The setting " + reachSetting + " does not reach PostgreSQL with the connection, so the second wall between organisations does nothing. A pooler may take it out.",
			Remedy: "ALTER ROLE … SET " + reachSetting + " = '" + reachesNothing + "';"})
	}
	tables, err := withoutWall(ctx, e.pool)
	if len(tables) > 0 {
		names := make([]string, len(tables))
		for i, t := range tables {
			names[i] = t.Name
		}
		out = append(out, Finding{Code: "row_security_missing", Message: "These tables lack row-level security: " + strings.Join(names, ", ") + ".", Remedy: "paraph migrate"})
	}
	return out, err
}
