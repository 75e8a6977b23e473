defmodule ChangelogWeb.PageHTML do
  @moduledoc """
  Pages of PageController.
  """
  use ChangelogWeb, :html

  embed_templates "page_html/*"
end
