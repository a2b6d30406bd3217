-- A database as it was made before revisions were counted, with one person in it. Frozen.
BEGIN TRANSACTION;
CREATE TABLE accounts (
    id INTEGER NOT NULL,
    identity_code VARCHAR(16) NOT NULL,
    codice_fiscale VARCHAR(16) NOT NULL,
    name VARCHAR(200) NOT NULL,
    mail VARCHAR(200) NOT NULL,
    password_hash VARCHAR(200) NOT NULL,
    password_failures INTEGER NOT NULL,
    locked_until DATETIME,
    api_key_sha256 VARCHAR(64) NOT NULL,
    api_key_last4 VARCHAR(4) NOT NULL,
    first_cancellation_spent BOOLEAN NOT NULL,
    ceased BOOLEAN NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (identity_code),
    UNIQUE (api_key_sha256)
);
CREATE TABLE audit (
    seq INTEGER NOT NULL,
    at DATETIME NOT NULL,
    name VARCHAR(60) NOT NULL,
    data TEXT NOT NULL,
    prev VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (seq),
    UNIQUE (prev)
);
CREATE TABLE backups (
    id VARCHAR(32) NOT NULL,
    account_id INTEGER NOT NULL,
    kind VARCHAR(40) NOT NULL,
    state VARCHAR(40) NOT NULL,
    original_id INTEGER NOT NULL,
    original_sha256 VARCHAR(64) NOT NULL,
    reserved_at DATETIME NOT NULL,
    recovery_public_key BLOB NOT NULL,
    recovery_key_sealed BLOB,
    registered_at DATETIME,
    container_sha256 VARCHAR(64),
    successor_csr BLOB,
    successor_key_sha256 VARCHAR(64),
    pin_public_key BLOB,
    tries_used INTEGER NOT NULL,
    wrong_pins INTEGER NOT NULL,
    locked_at DATETIME,
    requested_at DATETIME,
    activation_nonce VARCHAR(64),
    activation_reason VARCHAR(40),
    approved_at DATETIME,
    approval_expires_at DATETIME,
    approved_by VARCHAR(200),
    collected_at DATETIME,
    successor_id INTEGER,
    successor_sha256 VARCHAR(64),
    restored_at DATETIME,
    retired_at DATETIME,
    retired_why VARCHAR(200),
    PRIMARY KEY (id),
    CONSTRAINT tries_in_range CHECK (tries_used BETWEEN 0 AND 5),
    FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT backupkind CHECK (kind IN ('successor', 'copy')),
    CONSTRAINT backupstate CHECK (state IN ('reserved', 'registered', 'requested', 'approved', 'collected', 'restored', 'locked', 'retired')),
    FOREIGN KEY(original_id) REFERENCES certificates (id),
    UNIQUE (successor_key_sha256),
    CONSTRAINT reason CHECK (activation_reason IN ('lost', 'ceased', 'theft', 'renewal', 'malfunction', 'other')),
    FOREIGN KEY(successor_id) REFERENCES certificates (id)
);
CREATE TABLE cancellations (
    id VARCHAR(20) NOT NULL,
    account_id INTEGER NOT NULL,
    signer_id INTEGER NOT NULL,
    reason VARCHAR(40) NOT NULL,
    cumulative BOOLEAN NOT NULL,
    at DATETIME NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT cancellation_signer FOREIGN KEY(signer_id) REFERENCES certificates (id),
    CONSTRAINT reason CHECK (reason IN ('lost', 'ceased', 'theft', 'renewal', 'malfunction', 'other'))
);
CREATE TABLE certificates (
    id INTEGER NOT NULL,
    operation_id VARCHAR(20) NOT NULL,
    account_id INTEGER NOT NULL,
    der BLOB NOT NULL,
    serial_number VARCHAR(40) NOT NULL,
    fingerprint_sha256 VARCHAR(64) NOT NULL,
    key_sha256 VARCHAR(64) NOT NULL,
    key_id VARCHAR(40) NOT NULL,
    not_before DATETIME NOT NULL,
    not_after DATETIME NOT NULL,
    issued_at DATETIME NOT NULL,
    predecessor_id INTEGER,
    state VARCHAR(40) NOT NULL,
    revision INTEGER NOT NULL,
    changed_at DATETIME NOT NULL,
    crl_reason VARCHAR(40),
    suspended_at DATETIME,
    cancelled_at DATETIME,
    invalidity_date DATETIME,
    cancellation_id VARCHAR(20),
    PRIMARY KEY (id),
    UNIQUE (operation_id),
    FOREIGN KEY(operation_id) REFERENCES operations (id),
    FOREIGN KEY(account_id) REFERENCES accounts (id),
    UNIQUE (serial_number),
    UNIQUE (fingerprint_sha256),
    FOREIGN KEY(predecessor_id) REFERENCES certificates (id),
    CONSTRAINT certificatestate CHECK (state IN ('requested', 'generating', 'active', 'suspended', 'expired', 'cancelled', 'rejected')),
    CONSTRAINT crlreason CHECK (crl_reason IN ('unspecified', 'keyCompromise', 'superseded', 'cessationOfOperation', 'certificateHold')),
    FOREIGN KEY(cancellation_id) REFERENCES cancellations (id)
);
CREATE TABLE crls (
    number INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    this_update DATETIME NOT NULL,
    next_update DATETIME NOT NULL,
    der BLOB NOT NULL,
    PRIMARY KEY (number)
);
CREATE TABLE nonces (
    nonce VARCHAR(64) NOT NULL,
    account_id INTEGER NOT NULL,
    purpose VARCHAR(40) NOT NULL,
    expires_at DATETIME NOT NULL,
    used_at DATETIME,
    PRIMARY KEY (nonce),
    FOREIGN KEY(account_id) REFERENCES accounts (id)
);
CREATE TABLE operations (
    id VARCHAR(20) NOT NULL,
    account_id INTEGER NOT NULL,
    kind VARCHAR(10) NOT NULL,
    file_name VARCHAR(200) NOT NULL,
    state VARCHAR(40) NOT NULL,
    csr BLOB NOT NULL,
    csr_sha256 VARCHAR(64) NOT NULL,
    key_sha256 VARCHAR(64) NOT NULL,
    signer_id INTEGER,
    requested_at DATETIME NOT NULL,
    ready_at DATETIME,
    outcome VARCHAR(200),
    PRIMARY KEY (id),
    FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT certificatestate CHECK (state IN ('requested', 'generating', 'active', 'suspended', 'expired', 'cancelled', 'rejected')),
    CONSTRAINT operation_signer FOREIGN KEY(signer_id) REFERENCES certificates (id)
);
CREATE TABLE public_keys (
    key_sha256 VARCHAR(64) NOT NULL,
    account_id INTEGER NOT NULL,
    bound_at DATETIME NOT NULL,
    compromised_at DATETIME,
    successor_of VARCHAR(32),
    PRIMARY KEY (key_sha256),
    FOREIGN KEY(account_id) REFERENCES accounts (id)
);
CREATE TABLE reports (
    id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    certificate_id INTEGER NOT NULL,
    reason VARCHAR(40) NOT NULL,
    last_held DATE,
    backup_stolen_too BOOLEAN NOT NULL,
    destroyed_for_certain BOOLEAN NOT NULL,
    at DATETIME NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(account_id) REFERENCES accounts (id),
    FOREIGN KEY(certificate_id) REFERENCES certificates (id),
    CONSTRAINT reason CHECK (reason IN ('lost', 'ceased', 'theft', 'renewal', 'malfunction', 'other'))
);
CREATE TABLE settings (
    name VARCHAR(40) NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name)
);
INSERT INTO "settings" VALUES('schema',1);
INSERT INTO "settings" VALUES('crl_revision',0);
INSERT INTO accounts VALUES(1,'ANNA1','ANNA100A00A000A','','','-',0,NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','0000',0,0,'2026-03-02 09:30:00.000000');
INSERT INTO operations VALUES('26030912345678','1','ENROLL','anna.csr','active',x'30','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',NULL,'2026-03-02 09:30:00.000000',NULL,NULL);
INSERT INTO operations VALUES('26030912345679','1','REENROLL','','rejected',x'30','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,'2026-03-02 09:30:00.000000',NULL,'no');
INSERT INTO certificates VALUES(1,'26030912345678',1,x'30','1f','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','00','2026-03-02 09:30:00.000000','2027-03-02 09:30:00.000000','2026-03-02 09:30:00.000000',NULL,'active',1,'2026-03-02 09:30:00.000000',NULL,NULL,NULL,NULL,NULL);
CREATE INDEX ix_operations_account_id ON operations (account_id);
CREATE INDEX ix_operations_csr_sha256 ON operations (csr_sha256);
CREATE INDEX ix_cancellations_account_id ON cancellations (account_id);
CREATE INDEX ix_nonces_account_id ON nonces (account_id);
CREATE INDEX ix_public_keys_account_id ON public_keys (account_id);
CREATE INDEX ix_certificates_key_id ON certificates (key_id);
CREATE INDEX ix_certificates_key_sha256 ON certificates (key_sha256);
CREATE INDEX ix_certificates_account_id ON certificates (account_id);
CREATE INDEX ix_reports_account_id ON reports (account_id);
CREATE INDEX ix_reports_certificate_id ON reports (certificate_id);
CREATE INDEX ix_backups_original_id ON backups (original_id);
CREATE INDEX ix_backups_account_id ON backups (account_id);
COMMIT;
