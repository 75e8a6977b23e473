defmodule OrchardWeb.Gettext do
  @moduledoc """
  Translations: `gettext("Here is one")`.
  """
  use Gettext, otp_app: :orchard
end
