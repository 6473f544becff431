-- Webhooks: where events are sent, and what is on its way.
CREATE TABLE webhook_endpoint (
  no BIGINT PRIMARY KEY, id TEXT NOT NULL, org TEXT NOT NULL, unit TEXT NOT NULL, url TEXT NOT NULL, description TEXT NOT NULL,
  types TEXT NOT NULL, condition TEXT NOT NULL, event_order TEXT NOT NULL, on_dead TEXT NOT NULL, rate DOUBLE NOT NULL,
  timeout BIGINT NOT NULL, retries TEXT NOT NULL, headers TEXT NOT NULL, certificate TEXT NOT NULL, sealed BLOB,
  enabled BOOLEAN NOT NULL, disabled_at BIGINT, disabled_by TEXT NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL,
  created_at BIGINT, updated_at BIGINT, deleted_at BIGINT, revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX webhook_endpoint_id ON webhook_endpoint (id);
CREATE INDEX webhook_endpoint_org ON webhook_endpoint (org, id);

CREATE TABLE webhook_secret (
  endpoint BIGINT NOT NULL, number BIGINT NOT NULL, signing TEXT NOT NULL, sealed BLOB NOT NULL, public TEXT NOT NULL,
  created_at BIGINT, expires_at BIGINT,
  PRIMARY KEY (endpoint, number)
);

-- What waits for an endpoint, and how it fares.
CREATE TABLE webhook_queue (
  endpoint BIGINT PRIMARY KEY, pending BIGINT NOT NULL, dead BIGINT NOT NULL, behind BIGINT NOT NULL, strikes BIGINT NOT NULL, struck BIGINT NOT NULL,
  rests BIGINT NOT NULL, open_until BIGINT, slowed BIGINT NOT NULL, slow_until BIGINT, last_success BIGINT, last_failure BIGINT,
  failing_since BIGINT, recent BIGINT NOT NULL, recent_n BIGINT NOT NULL, alerted BIGINT NOT NULL,
  blocked BIGINT NOT NULL, poked BIGINT NOT NULL
);

-- The forms in which events were written: an event that was sent once is sent again in the same one.
CREATE TABLE webhook_form (no BIGINT PRIMARY KEY, form BIGINT NOT NULL, source TEXT NOT NULL, UNIQUE (form, source));

-- By the event's place in the log: what is made together lies together. next_at is 0 for at once.
CREATE TABLE delivery (
  idx BIGINT NOT NULL, endpoint BIGINT NOT NULL, state BIGINT NOT NULL, order_key TEXT NOT NULL, form BIGINT NOT NULL, attempts BIGINT NOT NULL,
  tries BIGINT NOT NULL, next_at BIGINT NOT NULL, ended_at BIGINT, status BIGINT NOT NULL, code TEXT NOT NULL,
  PRIMARY KEY (idx, endpoint)
) WITHOUT ROWID;
CREATE INDEX delivery_queue ON delivery (endpoint, state, next_at, idx);
CREATE INDEX delivery_key ON delivery (endpoint, order_key, idx) WHERE state = 0 AND order_key <> '';

CREATE TABLE attempt (
  idx BIGINT NOT NULL, endpoint BIGINT NOT NULL, number BIGINT NOT NULL, at BIGINT, took BIGINT NOT NULL, status BIGINT NOT NULL, code TEXT NOT NULL,
  probe BOOLEAN NOT NULL, cut BOOLEAN NOT NULL, reason TEXT NOT NULL, header TEXT, answer BLOB,
  PRIMARY KEY (idx, endpoint, number)
) WITHOUT ROWID;

-- Past events on their way to an endpoint once more.
CREATE TABLE webhook_replay (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, endpoint BIGINT NOT NULL, selection TEXT NOT NULL, state TEXT NOT NULL, waiting TEXT NOT NULL, reason TEXT NOT NULL,
  entry TEXT NOT NULL, first BIGINT NOT NULL, place BIGINT NOT NULL, last BIGINT NOT NULL, made BIGINT NOT NULL, made_by TEXT NOT NULL, created_at BIGINT, ended_at BIGINT
);
CREATE INDEX webhook_replay_endpoint ON webhook_replay (endpoint, id);
CREATE INDEX webhook_replay_running ON webhook_replay (id) WHERE state = 'running';

-- Links to the page of endpoints, by the hash of their token.
CREATE TABLE webhook_portal (
  token BLOB PRIMARY KEY, org TEXT NOT NULL, unit_list TEXT, endpoint_list TEXT, may_write BOOLEAN NOT NULL, made_by TEXT NOT NULL, principal TEXT NOT NULL,
  created_at BIGINT, expires_at BIGINT
);
