package service

import "context"

// Together runs commands as one: either all of those take effect that fn calls
// with the context it gets, or, where fn returns an error, none. fn may run more
// than once, and does nothing but call commands and queries.
func (s *Service) Together(ctx context.Context, fn func(context.Context) error) error {
	if err := s.sound(); err != nil {
		return err
	}
	return s.Store.Together(ctx, fn)
}

// BeginBatch binds a batch's key to what the batch asks for, so that another batch
// under the same key is refused before anything of it is done: fault Conflict
// "idempotency_key_reused". Its operations have keys of their own.
func (s *Service) BeginBatch(ctx context.Context, call Call) (known bool, err error) {
	call.Receipt = nil
	out, err := run(ctx, s, call, false, func(context.Context, *change) (struct{}, error) { return struct{}{}, nil })
	return out.Replayed, err
}
