import accounts.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('referrals', '0003_places_taken'),
        ('structures', '0003_search_and_links'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('person_recorded', 'Personne enregistrée'), ('person_changed', 'Fiche personne modifiée'), ('needs_recorded', 'Besoins notés'), ('need_closed', 'Besoin clos'), ('mobility_read', 'Pré-diagnostic mobilité'), ('drafted', 'Fiche préparée'), ('send', 'Fiche envoyée'), ('recall', 'Envoi annulé'), ('accept', 'Fiche acceptée'), ('waitlist', 'Mise en liste d’attente'), ('decline', 'Fiche déclinée'), ('redirect', 'Réorientation'), ('cancel', 'Fiche annulée'), ('expire', 'Restée sans réponse'), ('enter', 'Entrée dans l’action'), ('miss', 'N’est jamais venu(e)'), ('positioned', 'Positionnement réalisé'), ('bilan_returned', 'Bilan rendu'), ('end', 'Fin de l’action'), ('followup_asked', 'Question à six mois posée'), ('followup_answered', 'Réponse à six mois'), ('followup_unreachable', 'Injoignable à six mois'), ('followup_refused', 'Ne souhaite pas répondre à six mois'), ('reminded', 'Relance envoyée')], max_length=24, verbose_name='quoi'),
        ),
        migrations.CreateModel(
            name='MobilityReading',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('licence', models.CharField(blank=True, choices=[('none', 'Ni code ni permis'), ('code', 'Code obtenu'), ('b', 'Permis B')], max_length=4, verbose_name='permis et code')),
                ('vehicle', models.BooleanField(blank=True, null=True, verbose_name='a un véhicule qui roule')),
                ('insured', models.BooleanField(blank=True, null=True, verbose_name='ce véhicule est assuré')),
                ('afraid', models.BooleanField(blank=True, null=True, verbose_name='a peur de conduire')),
                ('bus', models.CharField(blank=True, choices=[('alone', 'Oui, sans aide'), ('helped', 'Oui, avec quelqu’un'), ('never', 'Non'), ('no_line', 'Pas de bus utile')], max_length=7, verbose_name='prend le bus')),
                ('bicycle', models.CharField(blank=True, choices=[('rides', 'Oui'), ('no_bicycle', 'Sait en faire, sans vélo'), ('cannot', 'Ne sait pas en faire')], max_length=10, verbose_name='fait du vélo')),
                ('bearings', models.CharField(blank=True, choices=[('alone', 'Prépare sans aide un trajet nouveau'), ('known', 'Trajets connus seulement'), ('lost', 'Plans et horaires difficiles')], max_length=5, verbose_name='trouve son chemin')),
                ('zone', models.CharField(blank=True, choices=[('quartier', 'Dans son quartier'), ('town', 'Dans sa ville'), ('agglo', 'Dans l’agglomération'), ('beyond', 'Plus loin')], max_length=8, verbose_name='cherche un emploi ou une formation')),
                ('means', models.CharField(blank=True, choices=[('yes', 'Oui'), ('part', 'En partie'), ('no', 'Non')], max_length=4, verbose_name='peut payer')),
                ('note', accounts.fields.FreeTextField(blank=True, max_length=1000, verbose_name='précisions')),
                ('recorded_at', models.DateTimeField(verbose_name='fait le')),
                ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='auteur')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mobility_readings', to='referrals.person', verbose_name='personne')),
                ('structure', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='structures.structure', verbose_name='structure')),
            ],
            options={
                'verbose_name': 'pré-diagnostic mobilité',
                'verbose_name_plural': 'pré-diagnostics mobilité',
                'ordering': ['-recorded_at', '-id'],
                'indexes': [models.Index(fields=['person', '-recorded_at', '-id'], name='mobility_reading_by_person')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('insured', True), _negated=True), ('vehicle__isnull', True), ('vehicle', True), _connector='OR'), name='mobility_reading_insures_a_vehicle'), models.CheckConstraint(condition=models.Q(('licence__gt', ''), ('vehicle__isnull', False), ('insured__isnull', False), ('afraid__isnull', False), ('bus__gt', ''), ('bicycle__gt', ''), ('bearings__gt', ''), ('zone__gt', ''), ('means__gt', ''), _connector='OR'), name='mobility_reading_answers_something'), models.CheckConstraint(condition=models.Q(('licence__in', ['', 'none', 'code', 'b']), ('bus__in', ['', 'alone', 'helped', 'never', 'no_line']), ('bicycle__in', ['', 'rides', 'no_bicycle', 'cannot']), ('bearings__in', ['', 'alone', 'known', 'lost']), ('zone__in', ['', 'quartier', 'town', 'agglo', 'beyond']), ('means__in', ['', 'yes', 'part', 'no'])), name='mobility_reading_answers_are_listed')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mobilityreading',
            trigger=pgtrigger.compiler.Trigger(name='answers_never_change', sql=pgtrigger.compiler.UpsertTriggerSql(func='RAISE EXCEPTION \'pgtrigger: Cannot update of "person_id", "recorded_at", "licence", "vehicle", "insured", "afraid", "bus", "bicycle", "bearings", "zone", "means" rows from % table\', TG_TABLE_NAME;', hash='28957134786b0dc3940501033a09f053d8ea28fc', operation='UPDATE OF "person_id", "recorded_at", "licence", "vehicle", "insured", "afraid", "bus", "bicycle", "bearings", "zone", "means"', pgid='pgtrigger_answers_never_change_8a788', table='referrals_mobilityreading', when='BEFORE')),
        ),
    ]
