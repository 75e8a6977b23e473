defmodule SampleAppWeb.Gettext do
  @moduledoc """
  Translations: `gettext("Here is one")`.
  """
  use Gettext, otp_app: :sample_app
end
