-- Webhooks: where events are sent, and what is on its way.
CREATE TABLE webhook_endpoint (
  no bigint PRIMARY KEY, id text COLLATE "C" NOT NULL, org text COLLATE "C" NOT NULL, unit text COLLATE "C" NOT NULL, url text COLLATE "C" NOT NULL, description text COLLATE "C" NOT NULL,
  types text COLLATE "C" NOT NULL, condition text COLLATE "C" NOT NULL, event_order text COLLATE "C" NOT NULL, on_dead text COLLATE "C" NOT NULL, rate double precision NOT NULL,
  timeout bigint NOT NULL, retries text COLLATE "C" NOT NULL, headers text COLLATE "C" NOT NULL, certificate text COLLATE "C" NOT NULL, sealed bytea,
  enabled boolean NOT NULL, disabled_at bigint, disabled_by text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL, since text COLLATE "C" NOT NULL,
  created_at bigint, updated_at bigint, deleted_at bigint, revision bigint NOT NULL
);
CREATE UNIQUE INDEX webhook_endpoint_id ON webhook_endpoint (id);
CREATE INDEX webhook_endpoint_org ON webhook_endpoint (org, id);

CREATE TABLE webhook_secret (
  endpoint bigint NOT NULL, number bigint NOT NULL, signing text COLLATE "C" NOT NULL, sealed bytea NOT NULL, public text COLLATE "C" NOT NULL,
  created_at bigint, expires_at bigint,
  PRIMARY KEY (endpoint, number)
);

-- What waits for an endpoint, and how it fares.
CREATE TABLE webhook_queue (
  endpoint bigint PRIMARY KEY, pending bigint NOT NULL, dead bigint NOT NULL, behind bigint NOT NULL, strikes bigint NOT NULL, struck bigint NOT NULL,
  rests bigint NOT NULL, open_until bigint, slowed bigint NOT NULL, slow_until bigint, last_success bigint, last_failure bigint,
  failing_since bigint, recent bigint NOT NULL, recent_n bigint NOT NULL, alerted bigint NOT NULL,
  blocked bigint NOT NULL, poked bigint NOT NULL
);

-- The forms in which events were written: an event that was sent once is sent again in the same one.
CREATE TABLE webhook_form (no bigint PRIMARY KEY, form bigint NOT NULL, source text COLLATE "C" NOT NULL, UNIQUE (form, source));

-- By the event's place in the log: what is made together lies together. next_at is 0 for at once.
CREATE TABLE delivery (
  idx bigint NOT NULL, endpoint bigint NOT NULL, state bigint NOT NULL, order_key text COLLATE "C" NOT NULL, form bigint NOT NULL, attempts bigint NOT NULL,
  tries bigint NOT NULL, next_at bigint NOT NULL, ended_at bigint, status bigint NOT NULL, code text COLLATE "C" NOT NULL,
  PRIMARY KEY (idx, endpoint)
);
CREATE INDEX delivery_queue ON delivery (endpoint, state, next_at, idx);
CREATE INDEX delivery_key ON delivery (endpoint, order_key, idx) WHERE state = 0 AND order_key <> '';

CREATE TABLE attempt (
  idx bigint NOT NULL, endpoint bigint NOT NULL, number bigint NOT NULL, at bigint, took bigint NOT NULL, status bigint NOT NULL, code text COLLATE "C" NOT NULL,
  probe boolean NOT NULL, cut boolean NOT NULL, reason text COLLATE "C" NOT NULL, header text COLLATE "C", answer bytea,
  PRIMARY KEY (idx, endpoint, number)
);

-- Past events on their way to an endpoint once more.
CREATE TABLE webhook_replay (
  id text COLLATE "C" PRIMARY KEY, org text COLLATE "C" NOT NULL, endpoint bigint NOT NULL, selection text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, waiting text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL,
  entry text COLLATE "C" NOT NULL, first bigint NOT NULL, place bigint NOT NULL, last bigint NOT NULL, made bigint NOT NULL, made_by text COLLATE "C" NOT NULL, created_at bigint, ended_at bigint
);
CREATE INDEX webhook_replay_endpoint ON webhook_replay (endpoint, id);
CREATE INDEX webhook_replay_running ON webhook_replay (id) WHERE state = 'running';

-- Links to the page of endpoints, by the hash of their token.
CREATE TABLE webhook_portal (
  token bytea PRIMARY KEY, org text COLLATE "C" NOT NULL, unit_list text COLLATE "C", endpoint_list text COLLATE "C", may_write boolean NOT NULL, made_by text COLLATE "C" NOT NULL, principal text COLLATE "C" NOT NULL,
  created_at bigint, expires_at bigint
);
