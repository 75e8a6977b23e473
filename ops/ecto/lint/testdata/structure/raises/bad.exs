defmodule Demo.Repo.Migrations.Fixture do # expect: raises error
  def change do
    :ok
  end
end
