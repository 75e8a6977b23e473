CREATE TABLE from_file (id int);
CREATE INDEX from_file_id ON from_file (id);
