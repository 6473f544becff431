-- Reports count documents by what stands in this index, without their rows: its order
-- is that of the commonest question, so that nothing is sorted for it.
CREATE INDEX document_report ON document (org, unit, doc_type, state, created_at, created_by, id);
