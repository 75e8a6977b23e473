defmodule SampleAppWeb.Layouts do
  @moduledoc """
  What surrounds every page.
  """
  use SampleAppWeb, :html

  embed_templates "layouts/*"
end
