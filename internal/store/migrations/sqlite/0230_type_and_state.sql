-- Lists by two or three conditions, in the order of ids: one after the other, the newest
-- documents of one may hold nothing of another (decision 0122).
CREATE INDEX document_type_state ON document (org, doc_type, state, id);
