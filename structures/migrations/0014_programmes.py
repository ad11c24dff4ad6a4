import django.contrib.postgres.fields
from django.db import migrations, models

WORDS = [
    ("contrat_ville", "contrat de ville"),
    ("plie", "plie"),
    ("fse", "fse"),
    ("ddets", "ddets"),
    ("region", "région"),
    ("departement", "département"),
    ("cpf", "cpf"),
    ("bop104", "bop 104"),
]
"""What an action's words say when they speak of a programme."""


def read_words(apps, schema_editor):
    actions = apps.get_model("structures", "Action").objects.exclude(programme="")
    for said in list(actions.order_by("programme").values_list("programme", flat=True).distinct()):
        found = [code for code, word in WORDS if word in said.lower()]
        if found:
            actions.filter(programme=said).update(programmes=found)


class Migration(migrations.Migration):

    dependencies = [
        ('structures', '0013_short_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='action',
            name='programmes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('contrat_ville', 'Contrat de ville'), ('plie', 'PLIE'), ('fse', 'FSE+'), ('ddets', 'DDETS (insertion par l’activité économique)'), ('region', 'Région'), ('departement', 'Département'), ('cpf', 'CPF'), ('bop104', 'Intégration des primo-arrivants (BOP 104)')], max_length=13), blank=True, default=list, size=None, verbose_name='programmes'),
        ),
        migrations.RunPython(read_words, migrations.RunPython.noop),
    ]
