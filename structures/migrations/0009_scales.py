from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
from django.db import migrations, models

import structures.scales


def scales_of(axes):
    """The scale that held these axes, while an action named axes one by one."""
    if not axes:
        return []
    if set(axes) <= {"oral", "written"}:
        return ["cecrl"]
    if set(axes) == {"space_time"}:
        return ["mobility"]
    return ["digital"] if set(axes) == {"technology"} else ["cria"]


def name_scales(apps, schema_editor):
    actions = apps.get_model("structures", "Action").objects.exclude(axes=[])
    for axes in list(actions.order_by("axes").values_list("axes", flat=True).distinct()):
        actions.filter(axes=axes).update(scales=scales_of(axes))


class Migration(migrations.Migration):

    dependencies = [
        ("structures", "0008_absences"),
    ]

    operations = [
        migrations.AddField(
            model_name="action",
            name="scales",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=structures.scales.scale_choices, max_length=24), blank=True, default=list, size=None, verbose_name="échelles"),
        ),
        migrations.RunPython(name_scales, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name="action",
            name="axes",
        ),
        migrations.AddField(
            model_name="session",
            name="half_day_hours",
            field=models.DecimalField(blank=True, decimal_places=1, max_digits=3, null=True, validators=[django.core.validators.MinValueValidator(Decimal("0.5")), django.core.validators.MaxValueValidator(Decimal("12"))], verbose_name="heures par demi-journée"),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(condition=models.Q(("half_day_hours__isnull", True), ("half_day_hours__range", (Decimal("0.5"), Decimal("12"))), _connector="OR"), name="session_half_day_lasts_up_to_12_hours"),
        ),
    ]
