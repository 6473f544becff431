-- It takes the place of document_report, has the same columns, and lists as well.
CREATE INDEX document_unit_type_state ON document (org, unit, doc_type, state, id, created_at, created_by);
