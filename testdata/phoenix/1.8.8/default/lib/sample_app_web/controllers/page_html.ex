defmodule SampleAppWeb.PageHTML do
  @moduledoc """
  Pages of PageController.
  """
  use SampleAppWeb, :html

  embed_templates "page_html/*"
end
