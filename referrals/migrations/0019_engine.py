from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('referrals', '0017_channels'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('person_recorded', 'Personne enregistrée'), ('person_changed', 'Fiche personne modifiée'), ('person_withdrawn', 'Enregistrement annulé'), ('merged', 'Deux fiches personne réunies'), ('split', 'Fiches personne séparées'), ('exported', 'Liste de personnes exportée'), ('moved_away', 'Départ du territoire'), ('came_back', 'Retour sur le territoire'), ('needs_recorded', 'Besoins notés'), ('need_closed', 'Besoin clos'), ('mobility_read', 'Pré-diagnostic mobilité'), ('drafted', 'Fiche préparée'), ('send', 'Fiche envoyée'), ('recall', 'Envoi annulé'), ('accept', 'Fiche acceptée'), ('waitlist', 'Mise en liste d’attente'), ('offer', 'Place proposée'), ('confirm', 'Place confirmée'), ('lapse', 'Place laissée'), ('decline', 'Fiche déclinée'), ('redirect', 'Réorientation'), ('retract', 'Réponse annulée'), ('retract_to_list', 'Réponse annulée, retour en liste d’attente'), ('asked', 'Question posée au prescripteur'), ('contact_asked', 'Contact demandé au prescripteur'), ('clarified', 'Réponse du prescripteur'), ('unasked', 'Question retirée'), ('assigned', 'Fiche confiée à un membre de l’équipe'), ('handed_over', 'Suivi passé à un membre de l’équipe'), ('cancel', 'Fiche annulée'), ('reopen', 'Fiche rouverte'), ('expire', 'Restée sans réponse'), ('enter', 'Entrée dans l’action'), ('miss', 'N’est jamais venu(e)'), ('appointment_set', 'Rendez-vous fixé'), ('appointment_moved', 'Rendez-vous déplacé'), ('appointment_came', 'Venue au rendez-vous'), ('appointment_excused', 'Rendez-vous : personne excusée'), ('appointment_absent', 'Rendez-vous : personne absente'), ('appointment_cancelled', 'Rendez-vous annulé'), ('appointment_reminded', 'Rendez-vous rappelé à la personne'), ('positioned', 'Positionnement réalisé'), ('bilan_returned', 'Bilan rendu'), ('report_published', 'Bilan collectif publié'), ('end', 'Fin de l’action'), ('resume', 'Retour dans l’action'), ('attached', 'Document joint'), ('detached', 'Document retiré'), ('followup_asked', 'Question à six mois posée'), ('followup_answered', 'Réponse à six mois'), ('followup_unreachable', 'Injoignable à six mois'), ('followup_refused', 'Ne souhaite pas répondre à six mois'), ('reminded', 'Relance envoyée'), ('resent', 'Lettre renvoyée après une coupure, peut-être reçue deux fois'), ('link_asked', 'Nouveau lien demandé'), ('links_revoked', 'Liens retirés')], max_length=24, verbose_name='quoi'),
        ),
    ]
