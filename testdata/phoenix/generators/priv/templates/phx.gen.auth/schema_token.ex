defmodule <%= base %>.<%= context %>.<%= schema %>Token do
  use Ecto.Schema

  schema "<%= table %>_tokens" do
    field :token, :binary
    belongs_to :<%= name %>, <%= base %>.<%= context %>.<%= schema %>
  end
end
