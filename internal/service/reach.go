package service

import "context"

// everywhere is the reach of work that goes through all organisations' rows.
const everywhere = "*"

type reachKey struct{}

// Within says that what is done in the context concerns one organisation: a store
// that has a second wall (PostgreSQL's row-level security) gives no other rows, and
// takes none, whatever the statement says. Without it, and without Across, such a
// store gives none at all.
func Within(ctx context.Context, org string) context.Context {
	return context.WithValue(ctx, reachKey{}, org)
}

// Across lets work reach the rows of every organisation, and says which work that
// is: numbering, dispatching, upkeep, or finding out by a secret whose it is. It is
// the only way around the second wall.
func Across(ctx context.Context, work string) context.Context {
	if work == "" {
		return ctx
	}
	return context.WithValue(ctx, reachKey{}, everywhere)
}

// Reach tells which organisation's rows a context reaches: its id, "*" for all, ""
// for none, which is so where nobody has said.
func Reach(ctx context.Context) string {
	org, _ := ctx.Value(reachKey{}).(string)
	return org
}
