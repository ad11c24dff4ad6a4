from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations

# unaccent() is only STABLE, since its dictionary can be replaced: naming the dictionary makes the wrapper immutable in
# practice, and so usable in an index. The schema of the extension is looked up, for it is not "public" everywhere.
CREATE = """
DO $body$
DECLARE home text;
BEGIN
    SELECT quote_ident(n.nspname) INTO home
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'unaccent';
    EXECUTE format(
        $ddl$CREATE OR REPLACE FUNCTION relais_plain(text) RETURNS text
             LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
             AS $sql$ SELECT lower(%s.unaccent('%s.unaccent'::regdictionary, $1)) $sql$ $ddl$,
        home, home
    );
END
$body$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        TrigramExtension(),
        UnaccentExtension(),
        migrations.RunSQL(CREATE, "DROP FUNCTION IF EXISTS relais_plain(text)"),
    ]
