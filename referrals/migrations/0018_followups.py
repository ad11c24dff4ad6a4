import accounts.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


KEEP_WHAT_WAS_ASKED = """
UPDATE referrals_followup SET asks = 1, asked_by = 'email' WHERE asked_at IS NOT NULL;
UPDATE referrals_followup f
   SET answered_by = CASE WHEN f.asked_at IS NOT NULL AND EXISTS (
           SELECT 1 FROM referrals_event e
            WHERE e.referral_id = f.referral_id AND e.kind = 'followup_answered' AND e.origin = 'link'
       ) THEN 'email' ELSE 'call' END
 WHERE f.state = 'answered';
INSERT INTO referrals_followuplink (followup_id, channel, token_hash, expires_at)
SELECT id, 'email', token_hash, token_expires_at FROM referrals_followup
 WHERE token_hash <> '' AND token_expires_at IS NOT NULL;
INSERT INTO referrals_reminder (id, kind, referral_id, due_at, planned_at, state, reason)
SELECT gen_random_uuid(), 'six_months', referral_id, asked_at + interval '7 days', asked_at, 'planned', ''
  FROM referrals_followup WHERE state = 'asked'
    ON CONFLICT DO NOTHING;
SET CONSTRAINTS ALL IMMEDIATE;
"""
"""Questions were written once, by e-mail: their links go to a table of their own, and their second letter is planned."""


class Migration(migrations.Migration):

    dependencies = [
        ('referrals', '0020_letters'),
        ('structures', '0009_scales'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FollowUpLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('email', 'Lien par e-mail'), ('sms', 'Lien par SMS'), ('call', 'Appel')], max_length=5, verbose_name='envoyé par')),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('expires_at', models.DateTimeField(verbose_name='valable jusqu’au')),
            ],
            options={
                'verbose_name': 'lien d’un suivi',
                'verbose_name_plural': 'liens des suivis',
            },
        ),
        migrations.AddField(
            model_name='followuplink',
            name='followup',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='links', to='referrals.followup', verbose_name='suivi'),
        ),
        migrations.RemoveConstraint(
            model_name='followup',
            name='followup_link_unique',
        ),
        migrations.RemoveConstraint(
            model_name='followup',
            name='followup_answered_has_an_answer',
        ),
        migrations.AlterModelOptions(
            name='followup',
            options={'ordering': ['due_on', 'id'], 'verbose_name': 'suivi après la sortie', 'verbose_name_plural': 'suivis après la sortie'},
        ),
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('person_recorded', 'Personne enregistrée'), ('person_changed', 'Fiche personne modifiée'), ('person_withdrawn', 'Enregistrement annulé'), ('merged', 'Deux fiches personne réunies'), ('split', 'Fiches personne séparées'), ('exported', 'Liste de personnes exportée'), ('moved_away', 'Départ du territoire'), ('came_back', 'Retour sur le territoire'), ('needs_recorded', 'Besoins notés'), ('need_closed', 'Besoin clos'), ('mobility_read', 'Pré-diagnostic mobilité'), ('drafted', 'Fiche préparée'), ('send', 'Fiche envoyée'), ('recall', 'Envoi annulé'), ('accept', 'Fiche acceptée'), ('waitlist', 'Mise en liste d’attente'), ('offer', 'Place proposée'), ('confirm', 'Place confirmée'), ('lapse', 'Place laissée'), ('decline', 'Fiche déclinée'), ('redirect', 'Réorientation'), ('retract', 'Réponse annulée'), ('retract_to_list', 'Réponse annulée, retour en liste d’attente'), ('asked', 'Question posée au prescripteur'), ('contact_asked', 'Contact demandé au prescripteur'), ('clarified', 'Réponse du prescripteur'), ('unasked', 'Question retirée'), ('assigned', 'Fiche confiée à un membre de l’équipe'), ('handed_over', 'Suivi passé à un membre de l’équipe'), ('cancel', 'Fiche annulée'), ('reopen', 'Fiche rouverte'), ('expire', 'Restée sans réponse'), ('enter', 'Entrée dans l’action'), ('miss', 'N’est jamais venu(e)'), ('appointment_set', 'Rendez-vous fixé'), ('appointment_moved', 'Rendez-vous déplacé'), ('appointment_came', 'Venue au rendez-vous'), ('appointment_excused', 'Rendez-vous : personne excusée'), ('appointment_absent', 'Rendez-vous : personne absente'), ('appointment_cancelled', 'Rendez-vous annulé'), ('appointment_unsettled', 'Issue du rendez-vous annulée'), ('appointment_reminded', 'Rendez-vous rappelé à la personne'), ('attended', 'Présence notée'), ('positioned', 'Positionnement réalisé'), ('bilan_returned', 'Bilan rendu'), ('report_published', 'Bilan collectif publié'), ('end', 'Fin de l’action'), ('resume', 'Retour dans l’action'), ('attached', 'Document joint'), ('detached', 'Document retiré'), ('followup_asked', 'Nouvelles demandées à la personne'), ('followup_answered', 'Nouvelles de la personne'), ('followup_called', 'Appel sans réponse'), ('followup_called_back', 'Personne rappelée'), ('followup_unreachable', 'Personne injoignable'), ('followup_refused', 'Ne souhaite pas donner de nouvelles'), ('followup_moved', 'Appelée : a quitté le territoire'), ('reminded', 'Relance envoyée'), ('resent', 'Lettre renvoyée après une coupure, peut-être reçue deux fois'), ('link_asked', 'Nouveau lien demandé'), ('links_revoked', 'Liens retirés')], max_length=24, verbose_name='quoi'),
        ),
        migrations.AlterField(
            model_name='followup',
            name='exit',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='followups', to='referrals.exit', verbose_name='sortie'),
        ),
        migrations.AlterField(
            model_name='followup',
            name='referral',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='followups', to='referrals.referral', verbose_name='fiche'),
        ),
        migrations.AlterField(
            model_name='followup',
            name='state',
            field=models.CharField(choices=[('planned', 'Prévu'), ('asked', 'Question posée'), ('to_call', 'À appeler'), ('answered', 'Réponse reçue'), ('unreachable', 'Injoignable'), ('refused', 'Ne souhaite pas répondre'), ('moved', 'A quitté le territoire')], default='planned', max_length=12, verbose_name='état'),
        ),
        migrations.AlterField(
            model_name='reminder',
            name='kind',
            field=models.CharField(choices=[('sent', 'Fiche reçue'), ('acknowledged', 'Accusé de réception'), ('answered', 'Réponse à la fiche'), ('cancelled', 'Fiche annulée'), ('missed', 'Personne jamais venue'), ('expired', 'Fiche restée sans réponse'), ('reopened', 'Fiche rouverte'), ('resumed', 'Retour dans l’action'), ('offered', 'Place proposée'), ('offer_recall', 'Place à confirmer'), ('offer_expiry', 'Fin d’une place proposée'), ('offer_passed', 'Place passée à la suite'), ('offer_confirmed', 'Place confirmée'), ('bilan_returned', 'Bilan rendu'), ('report_published', 'Bilan collectif publié'), ('unanswered', 'Réponse attendue'), ('escalated', 'Signalement à la coordination'), ('expiry_notice', 'Clôture annoncée'), ('expiry', 'Clôture sans réponse'), ('entry_to_confirm', 'Entrée à confirmer'), ('appointment_told', 'Rendez-vous annoncé'), ('appointment', 'Rappel du rendez-vous'), ('interim_bilan', 'Bilan intermédiaire attendu'), ('bilan_due', 'Bilan attendu'), ('exit_due', 'Sortie à noter'), ('three_months', 'Question à trois mois'), ('six_months', 'Question à six mois'), ('asked', 'Question posée'), ('unclarified', 'Précision attendue'), ('clarified', 'Précision donnée'), ('assigned', 'Fiche confiée'), ('link', 'Nouveau lien'), ('consent_ending', 'Accord à redemander'), ('retention', 'Dossier sans suite')], max_length=20, verbose_name='quoi'),
        ),
        migrations.AddField(
            model_name='followup',
            name='answered_by',
            field=models.CharField(blank=True, choices=[('email', 'Lien par e-mail'), ('sms', 'Lien par SMS'), ('call', 'Appel')], max_length=5, verbose_name='répondu par'),
        ),
        migrations.AddField(
            model_name='followup',
            name='asked_by',
            field=models.CharField(blank=True, choices=[('email', 'Lien par e-mail'), ('sms', 'Lien par SMS'), ('call', 'Appel')], max_length=5, verbose_name='question posée par'),
        ),
        migrations.AddField(
            model_name='followup',
            name='asks',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='fois que la question fut écrite'),
        ),
        migrations.AddField(
            model_name='followup',
            name='calls',
            field=models.PositiveSmallIntegerField(default=0, verbose_name='appels sans réponse'),
        ),
        migrations.AddField(
            model_name='followup',
            name='last_call_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='dernier appel sans réponse'),
        ),
        migrations.AddField(
            model_name='followup',
            name='months',
            field=models.PositiveSmallIntegerField(choices=[(3, 'À trois mois'), (6, 'À six mois')], default=6, verbose_name='échéance'),
        ),
        migrations.AddField(
            model_name='followup',
            name='note',
            field=accounts.fields.FreeTextField(blank=True, verbose_name='précision'),
        ),
        migrations.AddField(
            model_name='followup',
            name='since',
            field=models.DateField(blank=True, null=True, verbose_name='dans cette situation depuis le'),
        ),
        migrations.AddField(
            model_name='referral',
            name='opened_after',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='opened_referrals', to='referrals.followup', verbose_name='ouverte par le suivi'),
        ),
        migrations.RunSQL(KEEP_WHAT_WAS_ASKED, migrations.RunSQL.noop),
        migrations.RemoveField(
            model_name='followup',
            name='token_expires_at',
        ),
        migrations.RemoveField(
            model_name='followup',
            name='token_hash',
        ),
        migrations.AddIndex(
            model_name='followup',
            index=models.Index(condition=models.Q(('state', 'to_call'), models.Q(('called_back_at__isnull', True), ('wants_call', True)), _connector='OR'), fields=['referral'], name='followup_to_call'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.UniqueConstraint(fields=('exit', 'months'), name='followup_once_per_exit_and_months'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(('months__in', [3, 6])), name='followup_after_three_or_six_months'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('state', 'answered'), _negated=True), ('answered_by', '')), models.Q(('answered_at__isnull', False), ('state', 'answered'), models.Q(('situation', ''), _negated=True), models.Q(('answered_by', ''), _negated=True)), _connector='OR'), name='followup_answered_has_an_answer'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(('answered_by__in', ['', 'call']), ('answered_by', models.F('asked_by')), _connector='OR'), name='followup_answered_by_the_link_it_was_asked_by'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('asked_at__isnull', True), ('asked_by', ''), ('asks', 0)), models.Q(('asked_at__isnull', False), ('asked_by__in', ['email', 'sms']), ('asks__gt', 0)), _connector='OR'), name='followup_asked_in_writing'),
        ),
        migrations.AddConstraint(
            model_name='followup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('calls', 0), ('last_call_at__isnull', True)), models.Q(('calls__gt', 0), ('last_call_at__isnull', False)), _connector='OR'), name='followup_calls_have_a_date'),
        ),
        migrations.AddConstraint(
            model_name='referral',
            constraint=models.CheckConstraint(condition=models.Q(('opened_by', None), ('opened_after', None), _connector='OR'), name='referral_opened_by_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='followuplink',
            constraint=models.CheckConstraint(condition=models.Q(('channel__in', ['email', 'sms'])), name='followup_link_goes_in_writing'),
        ),
    ]
