"""How every form of Relais is drawn."""

from django.forms.renderers import TemplatesSetting


class RelaisFormRenderer(TemplatesSetting):
    """Draws forms and fields with our components, so that `{{ form }}` comes out right by default.

    Groups of boxes and radios come out as chips through our own `django/forms/widgets/` templates.
    """

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
