-- Rendered from tables.py, as its test tells.
CREATE TABLE admins (
	name TEXT NOT NULL,
	password TEXT NOT NULL,
	created BIGINT NOT NULL,
	changed BIGINT NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE audit (
	id TEXT NOT NULL,
	at BIGINT NOT NULL,
	who TEXT NOT NULL,
	what TEXT NOT NULL,
	target TEXT NOT NULL,
	detail TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE credentials (
	id TEXT NOT NULL,
	upstream TEXT NOT NULL,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	sealed BLOB NOT NULL,
	expires BIGINT NOT NULL,
	enabled BIGINT NOT NULL,
	version BIGINT NOT NULL,
	created BIGINT NOT NULL,
	used BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX credentials_upstream ON credentials (upstream);
CREATE TABLE days (
	day BIGINT NOT NULL,
	"key" TEXT NOT NULL,
	model TEXT NOT NULL,
	upstream TEXT NOT NULL,
	requests BIGINT NOT NULL,
	errors BIGINT NOT NULL,
	estimated BIGINT NOT NULL,
	unpriced BIGINT NOT NULL,
	input BIGINT NOT NULL,
	cache_read BIGINT NOT NULL,
	cache_write_5m BIGINT NOT NULL,
	cache_write_1h BIGINT NOT NULL,
	output BIGINT NOT NULL,
	reasoning BIGINT NOT NULL,
	cost BIGINT NOT NULL,
	took BIGINT NOT NULL,
	first BIGINT NOT NULL,
	firsts BIGINT NOT NULL,
	PRIMARY KEY (day, "key", model, upstream)
)
 WITHOUT ROWID;
CREATE TABLE facts (
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (name)
);
CREATE TABLE flows (
	state TEXT NOT NULL,
	upstream TEXT NOT NULL,
	sealed BLOB NOT NULL,
	expires BIGINT NOT NULL,
	PRIMARY KEY (state)
);
CREATE TABLE hours (
	hour BIGINT NOT NULL,
	"key" TEXT NOT NULL,
	model TEXT NOT NULL,
	upstream TEXT NOT NULL,
	requests BIGINT NOT NULL,
	errors BIGINT NOT NULL,
	estimated BIGINT NOT NULL,
	unpriced BIGINT NOT NULL,
	input BIGINT NOT NULL,
	cache_read BIGINT NOT NULL,
	cache_write_5m BIGINT NOT NULL,
	cache_write_1h BIGINT NOT NULL,
	output BIGINT NOT NULL,
	reasoning BIGINT NOT NULL,
	cost BIGINT NOT NULL,
	took BIGINT NOT NULL,
	first BIGINT NOT NULL,
	firsts BIGINT NOT NULL,
	PRIMARY KEY (hour, "key", model, upstream)
)
 WITHOUT ROWID;
CREATE TABLE instances (
	id TEXT NOT NULL,
	seen BIGINT NOT NULL,
	applied BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE keys (
	id TEXT NOT NULL,
	name TEXT NOT NULL,
	enabled BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	models TEXT NOT NULL,
	options TEXT NOT NULL,
	created BIGINT NOT NULL,
	used BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE leases (
	id TEXT NOT NULL,
	instance TEXT NOT NULL,
	at BIGINT NOT NULL,
	"key" TEXT NOT NULL,
	holds BLOB NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX leases_instance ON leases (instance);
CREATE TABLE logins (
	digest TEXT NOT NULL,
	admin TEXT NOT NULL,
	address TEXT NOT NULL,
	agent TEXT NOT NULL,
	created BIGINT NOT NULL,
	seen BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	PRIMARY KEY (digest)
);
CREATE TABLE models (
	id TEXT NOT NULL,
	target TEXT NOT NULL,
	upstreams TEXT NOT NULL,
	position BIGINT NOT NULL,
	enabled BIGINT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE prices (
	id TEXT NOT NULL,
	since BIGINT NOT NULL,
	document TEXT NOT NULL,
	source TEXT NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE requests (
	id TEXT NOT NULL,
	instance TEXT NOT NULL,
	state BIGINT NOT NULL,
	at BIGINT NOT NULL,
	"key" TEXT NOT NULL,
	caller TEXT NOT NULL,
	session TEXT NOT NULL,
	agent TEXT NOT NULL,
	parent TEXT NOT NULL,
	dialect TEXT NOT NULL,
	operation TEXT NOT NULL,
	streamed BIGINT NOT NULL,
	asked TEXT NOT NULL,
	upstream TEXT NOT NULL,
	model TEXT NOT NULL,
	status BIGINT NOT NULL,
	stop TEXT NOT NULL,
	error TEXT NOT NULL,
	input BIGINT NOT NULL,
	cache_read BIGINT NOT NULL,
	cache_write_5m BIGINT NOT NULL,
	cache_write_1h BIGINT NOT NULL,
	output BIGINT NOT NULL,
	reasoning BIGINT NOT NULL,
	extra TEXT NOT NULL,
	cost BIGINT NOT NULL,
	price TEXT NOT NULL,
	flags BIGINT NOT NULL,
	took BIGINT NOT NULL,
	first BIGINT NOT NULL,
	attempts TEXT NOT NULL,
	changes TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX requests_at ON requests (at);
CREATE INDEX requests_error ON requests (at) WHERE error != '';
CREATE INDEX requests_key ON requests ("key", at);
CREATE INDEX requests_model ON requests (model, at);
CREATE INDEX requests_open ON requests (instance) WHERE state = 0;
CREATE INDEX requests_session ON requests (session, at);
CREATE INDEX requests_upstream ON requests (upstream, at);
CREATE TABLE secrets (
	digest TEXT NOT NULL,
	"key" TEXT NOT NULL,
	shown TEXT NOT NULL,
	created BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	PRIMARY KEY (digest)
);
CREATE INDEX secrets_key ON secrets ("key");
CREATE TABLE sessions (
	session TEXT NOT NULL,
	agent TEXT NOT NULL,
	"key" TEXT NOT NULL,
	model TEXT NOT NULL,
	parent TEXT NOT NULL,
	began BIGINT NOT NULL,
	last BIGINT NOT NULL,
	requests BIGINT NOT NULL,
	errors BIGINT NOT NULL,
	estimated BIGINT NOT NULL,
	unpriced BIGINT NOT NULL,
	input BIGINT NOT NULL,
	cache_read BIGINT NOT NULL,
	cache_write_5m BIGINT NOT NULL,
	cache_write_1h BIGINT NOT NULL,
	output BIGINT NOT NULL,
	reasoning BIGINT NOT NULL,
	cost BIGINT NOT NULL,
	took BIGINT NOT NULL,
	first BIGINT NOT NULL,
	firsts BIGINT NOT NULL,
	PRIMARY KEY (session, agent, "key", model)
)
 WITHOUT ROWID;
CREATE INDEX sessions_key ON sessions ("key", last);
CREATE INDEX sessions_last ON sessions (last);
CREATE TABLE windows (
	"key" TEXT NOT NULL,
	models TEXT NOT NULL,
	kind TEXT NOT NULL,
	began BIGINT NOT NULL,
	ends BIGINT NOT NULL,
	spent BIGINT NOT NULL,
	held BIGINT NOT NULL,
	PRIMARY KEY ("key", models, kind)
)
 WITHOUT ROWID;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL PRIMARY KEY
);
INSERT INTO alembic_version VALUES ('0002');
