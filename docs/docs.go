// Package docs holds what people read about Paraph, as Markdown: the guide, the
// operator's pages, the decisions. internal/docsite makes pages of it.
package docs

import "embed"

// Files are the texts, by their paths in this folder.
//
//go:embed *.md api/*.md decisions/*.md guide/*.md
var Files embed.FS
