CREATE INDEX document_unit_state ON document (org, unit, state, id);
