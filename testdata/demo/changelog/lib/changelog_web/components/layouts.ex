defmodule ChangelogWeb.Layouts do
  @moduledoc """
  What surrounds every page.
  """
  use ChangelogWeb, :html

  embed_templates "layouts/*"
end
