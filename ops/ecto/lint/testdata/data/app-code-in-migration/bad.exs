# severity: unbounded-dml=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  alias Demo.Accounts.User # expect: app-code-in-migration info

  def up do
    Demo.Repo.update_all(User, set: [active: true])
  end

  def down, do: :ok
end
