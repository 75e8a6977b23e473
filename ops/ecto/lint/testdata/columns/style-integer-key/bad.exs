# severity: style=info
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:colours, primary_key: false) do
      add :id, :serial, primary_key: true # expect: style-integer-key info, style-serial info
    end
  end
end
