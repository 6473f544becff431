package work

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
)

// Forget implements Forgetter. The rows of jobs hold ids only, but the errors of
// past attempts may name people, as mail servers like to do. Fault Unavailable
// "store_unavailable" while one of the jobs is at work; except is the operation
// that does the forgetting.
func (j *Jobs) Forget(ctx context.Context, about service.Remains, except string) error {
	ids := append([]string{about.Document.ID}, about.Envelopes...)
	for _, op := range about.Operations {
		if op != except {
			ids = append(ids, op)
		}
	}
	raw, err := json.Marshal(slices.Compact(ids))
	if err != nil {
		return err
	}
	running, err := j.forget(ctx, string(raw))
	if err == nil && running > 0 {
		err = fault.New(fault.Unavailable, "store_unavailable", "%d jobs are still at work for the document.", running)
	}
	return err
}

// A job is tied to a document by the document_id, envelope_id or operation_id of
// its arguments.
const (
	aboutSQLite = ` WHERE (args ->> 'document_id' IN (SELECT value FROM json_each(?1))
		OR args ->> 'envelope_id' IN (SELECT value FROM json_each(?1)) OR args ->> 'operation_id' IN (SELECT value FROM json_each(?1)))`
	aboutPostgres = ` WHERE (args ->> 'document_id' IN (SELECT jsonb_array_elements_text($1::jsonb))
		OR args ->> 'envelope_id' IN (SELECT jsonb_array_elements_text($1::jsonb)) OR args ->> 'operation_id' IN (SELECT jsonb_array_elements_text($1::jsonb)))`
	atWork    = ` AND state = 'running'`
	notAtWork = ` AND state <> 'running'`
)

func forgetSQLite(ctx context.Context, db *sql.DB, ids string) (running int64, err error) {
	if _, err := db.ExecContext(ctx, "DELETE FROM river_job"+aboutSQLite+notAtWork, ids); err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM river_job"+aboutSQLite+atWork, ids).Scan(&running)
	return running, err
}

func forgetPostgres(ctx context.Context, pool *pgxpool.Pool, ids string) (running int64, err error) {
	if _, err := pool.Exec(ctx, "DELETE FROM river_job"+aboutPostgres+notAtWork, ids); err != nil {
		return 0, err
	}
	err = pool.QueryRow(ctx, "SELECT count(*) FROM river_job"+aboutPostgres+atWork, ids).Scan(&running)
	return running, err
}
