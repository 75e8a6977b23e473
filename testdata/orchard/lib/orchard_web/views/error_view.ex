defmodule OrchardWeb.ErrorView do
  use OrchardWeb, :view

  # To show a page of your own, define it here:
  # def render("500.html", _assigns), do: "Internal Server Error"

  def template_not_found(template, _assigns) do
    Phoenix.Controller.status_message_from_template(template)
  end
end
