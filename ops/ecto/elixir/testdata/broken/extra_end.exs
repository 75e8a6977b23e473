defmodule A do
  def up do
    :ok
    end
  end

  def down do
    :ok
  end
end
