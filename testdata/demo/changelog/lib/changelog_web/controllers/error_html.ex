defmodule ChangelogWeb.ErrorHTML do
  use ChangelogWeb, :html

  # To show pages of your own, put them into controllers/error_html and say:
  # embed_templates "error_html/*"

  def render(template, _assigns) do
    Phoenix.Controller.status_message_from_template(template)
  end
end
