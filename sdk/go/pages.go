package paraph

import "iter"

// Page is one page of a list. Next is the cursor of the page behind it; it is empty
// on the last one, but of events it is always there.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// all goes through a list page by page. after is the cursor that ask asks with.
func all[T any](after *string, ask func() (*Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			page, err := ask()
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for i := range page.Items {
				if !yield(page.Items[i], nil) {
					return
				}
			}
			if page.Next == "" || page.Next == *after || len(page.Items) == 0 {
				return
			}
			*after = page.Next
		}
	}
}

// Collect gathers all items of a list, up to the first error.
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var out []T
	for item, err := range seq {
		if err != nil {
			return out, err
		}
		out = append(out, item)
	}
	return out, nil
}
