-- Lists of documents by one condition, in the order of ids: a page costs what it shows.
CREATE INDEX document_type_list ON document (org, doc_type, id);
CREATE INDEX document_unit_list ON document (org, unit, id);
CREATE INDEX document_creator_list ON document (org, created_by, id);
CREATE INDEX document_grant_principal ON document_grant (org, principal, document_id);

-- The labels and the approvers of documents, one row for each, with long texts cut.
-- Whoever writes a document writes them, without knowing it.
CREATE TABLE document_mark (
  org TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, document_id TEXT NOT NULL,
  PRIMARY KEY (org, kind, name, value, document_id)
) WITHOUT ROWID;
CREATE INDEX document_mark_document ON document_mark (org, document_id);
CREATE TRIGGER document_marked AFTER INSERT ON document WHEN new.labels <> '{}' OR new.approvers <> '[]' BEGIN
  INSERT OR IGNORE INTO document_mark SELECT new.org, 'label', substr(j.key, 1, 100), substr(j.value, 1, 200), new.id FROM json_each(new.labels) j;
  INSERT OR IGNORE INTO document_mark SELECT new.org, 'approver', '', substr(j.value, 1, 200), new.id FROM json_each(new.approvers) j;
END;
CREATE TRIGGER document_remarked AFTER UPDATE OF labels, approvers ON document WHEN new.labels <> old.labels OR new.approvers <> old.approvers BEGIN
  DELETE FROM document_mark WHERE org = old.org AND document_id = old.id;
  INSERT OR IGNORE INTO document_mark SELECT new.org, 'label', substr(j.key, 1, 100), substr(j.value, 1, 200), new.id FROM json_each(new.labels) j;
  INSERT OR IGNORE INTO document_mark SELECT new.org, 'approver', '', substr(j.value, 1, 200), new.id FROM json_each(new.approvers) j;
END;
INSERT INTO document_mark SELECT DISTINCT d.org, 'label', substr(j.key, 1, 100), substr(j.value, 1, 200), d.id FROM document d, json_each(d.labels) j;
INSERT INTO document_mark SELECT DISTINCT d.org, 'approver', '', substr(j.value, 1, 200), d.id FROM document d, json_each(d.approvers) j;
