package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
)

type postgresEngine struct {
	engine
	pool *pgxpool.Pool
}

func openPostgres(context.Context, Options, *hub) (*postgresEngine, error) {
	return nil, errors.New("in the making")
}
