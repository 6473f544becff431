package store_test

import (
	"context"
	"testing"

	"github.com/paraph/paraph/internal/fault"
	"github.com/paraph/paraph/internal/service"
	"github.com/paraph/paraph/internal/store/storetest"
)

func TestAWriteInsideAWriteIsRefusedAndDoesNotHang(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open storetest.Open) {
		s := open()
		err := s.Write(t.Context(), func(ctx context.Context, _ service.Tx) error {
			return s.Write(ctx, func(context.Context, service.Tx) error { return nil })
		})
		if fault.KindOf(err) != fault.Internal {
			t.Errorf("got %v, want fault Internal", err)
		}
	})
}
