-- Lists of documents by one condition, in the order of ids: a page costs what it shows.
CREATE INDEX document_type_list ON document (org, doc_type, id);
CREATE INDEX document_unit_list ON document (org, unit, id);
CREATE INDEX document_creator_list ON document (org, created_by, id);
CREATE INDEX document_grant_principal ON document_grant (org, principal, document_id);

-- The labels and the approvers of documents, one row for each, with long texts cut.
-- Whoever writes a document writes them, without knowing it: a program before this one as well.
CREATE TABLE document_mark (
  org text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, value text COLLATE "C" NOT NULL, document_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (org, kind, name, value, document_id)
);
CREATE INDEX document_mark_document ON document_mark (org, document_id);
CREATE FUNCTION mark_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    DELETE FROM document_mark WHERE org = OLD.org AND document_id = OLD.id;
  END IF;
  INSERT INTO document_mark SELECT NEW.org, 'label', left(j.key, 100), left(j.value, 200), NEW.id FROM json_each_text(NEW.labels::json) j ON CONFLICT DO NOTHING;
  INSERT INTO document_mark SELECT NEW.org, 'approver', '', left(j.value, 200), NEW.id FROM json_array_elements_text(NEW.approvers::json) j ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
CREATE TRIGGER document_marked AFTER INSERT ON document FOR EACH ROW WHEN (NEW.labels <> '{}' OR NEW.approvers <> '[]') EXECUTE FUNCTION mark_document();
CREATE TRIGGER document_remarked AFTER UPDATE OF labels, approvers ON document FOR EACH ROW WHEN (NEW.labels <> OLD.labels OR NEW.approvers <> OLD.approvers) EXECUTE FUNCTION mark_document();
INSERT INTO document_mark SELECT DISTINCT d.org, 'label', left(j.key, 100), left(j.value, 200), d.id FROM document d, json_each_text(d.labels::json) j;
INSERT INTO document_mark SELECT DISTINCT d.org, 'approver', '', left(j.value, 200), d.id FROM document d, json_array_elements_text(d.approvers::json) j;
