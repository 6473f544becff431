-- The rows whose cells are still kept although no document was made of them.
CREATE INDEX bulk_row_kept ON bulk_row (org, bulk_id) WHERE document_id = '' AND cells IS NOT NULL;
